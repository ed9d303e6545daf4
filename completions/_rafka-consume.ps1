
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'rafka-consume' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'rafka-consume'
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
        'rafka-consume' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Where to start [default: earliest; with a group stored, else earliest]')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'Where to start [default: earliest; with a group stored, else earliest]')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Only these partitions, such as 0,2,5-7')
            [CompletionResult]::new('--partitions', '--partitions', [CompletionResultType]::ParameterName, 'Only these partitions, such as 0,2,5-7')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N records')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N records')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Stop before this offset of each partition; takes what -o takes')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'Stop when nothing came for so long')
            [CompletionResult]::new('--isolation', '--isolation', [CompletionResultType]::ParameterName, 'Whether records of open and aborted transactions are read too [default: committed]')
            [CompletionResult]::new('-g', '-g', [CompletionResultType]::ParameterName, 'Share the partitions with this group''s other members, and keep its place on the broker')
            [CompletionResult]::new('--group', '--group', [CompletionResultType]::ParameterName, 'Share the partitions with this group''s other members, and keep its place on the broker')
            [CompletionResult]::new('--commit-interval', '--commit-interval', [CompletionResultType]::ParameterName, 'How often the place is kept [default: 5s]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print for each record, and nothing else')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]')
            [CompletionResult]::new('--bootstrap', '--bootstrap', [CompletionResultType]::ParameterName, 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]')
            [CompletionResult]::new('-X', '-X ', [CompletionResultType]::ParameterName, 'Set any client setting by its Kafka name')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set any client setting by its Kafka name')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from a file in Kafka''s .properties syntax')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long connecting and the first metadata may take [default: 10s]')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Go on at the end, and print what comes')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Go on at the end, and print what comes')
            [CompletionResult]::new('--skip-damaged', '--skip-damaged', [CompletionResultType]::ParameterName, 'Leave out what is damaged and go on, naming the offsets')
            [CompletionResult]::new('--no-commit', '--no-commit', [CompletionResultType]::ParameterName, 'Leave the group''s place where it is')
            [CompletionResult]::new('--reset', '--reset', [CompletionResultType]::ParameterName, 'Start at -o, even where the group has a place')
            [CompletionResult]::new('-J', '-J ', [CompletionResultType]::ParameterName, 'Print each record as a line of JSON')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print each record as a line of JSON')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'On a terminal too, print bytes as they are')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; twice for everything')
            [CompletionResult]::new('--no-progress', '--no-progress', [CompletionResultType]::ParameterName, 'Show no progress, even on a terminal')
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
