
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'rafka-server' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'rafka-server'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'rafka-server' {
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Keep data in this directory [default: data]')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Accept connections here; may be given several times [default: 127.0.0.1:9092]')
            [CompletionResult]::new('--advertise', '--advertise', [CompletionResultType]::ParameterName, 'Tell clients this address [default: the one they dialled]')
            [CompletionResult]::new('--topic', '--topic', [CompletionResultType]::ParameterName, 'Create this topic at the start unless it is there; may be given several times')
            [CompletionResult]::new('-X', '-X ', [CompletionResultType]::ParameterName, 'Set any setting of a broker by its Kafka name')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set any setting of a broker by its Kafka name')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from a file in Kafka''s .properties syntax')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Check settings and logs, say what is wrong, and exit')
            [CompletionResult]::new('--print-config', '--print-config', [CompletionResultType]::ParameterName, 'Print every setting with its value and where that comes from, and exit')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Log only what needs attention')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Log only what needs attention')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more; twice for everything')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help: -h the short, --help the whole')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help: -h the short, --help the whole')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
