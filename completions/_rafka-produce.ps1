
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'rafka-produce' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'rafka-produce'
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
        'rafka-produce' {
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'One key for all records')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'One key for all records')
            [CompletionResult]::new('-K', '-K ', [CompletionResultType]::ParameterName, 'Key before the first SEP of each record, value after it')
            [CompletionResult]::new('--key-separator', '--key-separator', [CompletionResultType]::ParameterName, 'Key before the first SEP of each record, value after it')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'A header for all records; repeatable, order and duplicates are kept')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'A header for all records; repeatable, order and duplicates are kept')
            [CompletionResult]::new('-D', '-D ', [CompletionResultType]::ParameterName, 'What ends a record [default: newline]; '''' makes one record of all the input')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'What ends a record [default: newline]; '''' makes one record of all the input')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Write to this partition only')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'Write to this partition only')
            [CompletionResult]::new('--partitioner', '--partitioner', [CompletionResultType]::ParameterName, 'How a record finds its partition [default: key-hash]')
            [CompletionResult]::new('--acks', '--acks', [CompletionResultType]::ParameterName, 'When a record counts as delivered [default: all]')
            [CompletionResult]::new('-z', '-z', [CompletionResultType]::ParameterName, 'Compress batches [default: none]')
            [CompletionResult]::new('--compression', '--compression', [CompletionResultType]::ParameterName, 'Compress batches [default: none]')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'How long a batch waits for more records [default: not at all]')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]')
            [CompletionResult]::new('--bootstrap', '--bootstrap', [CompletionResultType]::ParameterName, 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]')
            [CompletionResult]::new('-X', '-X ', [CompletionResultType]::ParameterName, 'Set any client setting by its Kafka name')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set any client setting by its Kafka name')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from a file in Kafka''s .properties syntax')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long connecting and the first metadata may take [default: 10s]')
            [CompletionResult]::new('-Z', '-Z ', [CompletionResultType]::ParameterName, 'Turn an empty value into null, a tombstone')
            [CompletionResult]::new('--null-empty', '--null-empty', [CompletionResultType]::ParameterName, 'Turn an empty value into null, a tombstone')
            [CompletionResult]::new('-J', '-J ', [CompletionResultType]::ParameterName, 'Read each line as a JSON record, as rafka-consume -J prints it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Read each line as a JSON record, as rafka-consume -J prints it')
            [CompletionResult]::new('--keep-partition', '--keep-partition', [CompletionResultType]::ParameterName, 'With -J: each record into the partition its line names')
            [CompletionResult]::new('--no-create', '--no-create', [CompletionResultType]::ParameterName, 'Fail if the topic does not exist')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Print topic, partition and offset of each record, in the order of the input')
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
