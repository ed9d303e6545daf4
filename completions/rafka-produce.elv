
use builtin;
use str;

set edit:completion:arg-completer[rafka-produce] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'rafka-produce'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'rafka-produce'= {
            cand -k 'One key for all records'
            cand --key 'One key for all records'
            cand -K 'Key before the first SEP of each record, value after it'
            cand --key-separator 'Key before the first SEP of each record, value after it'
            cand -H 'A header for all records; repeatable, order and duplicates are kept'
            cand --header 'A header for all records; repeatable, order and duplicates are kept'
            cand -D 'What ends a record [default: newline]; '''' makes one record of all the input'
            cand --delimiter 'What ends a record [default: newline]; '''' makes one record of all the input'
            cand -p 'Write to this partition only'
            cand --partition 'Write to this partition only'
            cand --partitioner 'How a record finds its partition [default: key-hash]'
            cand --acks 'When a record counts as delivered [default: all]'
            cand -z 'Compress batches [default: none]'
            cand --compression 'Compress batches [default: none]'
            cand --linger 'How long a batch waits for more records [default: not at all]'
            cand -b 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]'
            cand --bootstrap 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]'
            cand -X 'Set any client setting by its Kafka name'
            cand --set 'Set any client setting by its Kafka name'
            cand --config 'Read settings from a file in Kafka''s .properties syntax'
            cand --timeout 'How long connecting and the first metadata may take [default: 10s]'
            cand -Z 'Turn an empty value into null, a tombstone'
            cand --null-empty 'Turn an empty value into null, a tombstone'
            cand -J 'Read each line as a JSON record, as rafka-consume -J prints it'
            cand --json 'Read each line as a JSON record, as rafka-consume -J prints it'
            cand --keep-partition 'With -J: each record into the partition its line names'
            cand --no-create 'Fail if the topic does not exist'
            cand --report 'Print topic, partition and offset of each record, in the order of the input'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more; twice for everything'
            cand --verbose 'Say more; twice for everything'
            cand --no-progress 'Show no progress, even on a terminal'
            cand -h 'Print help: -h the short, --help the whole'
            cand --help 'Print help: -h the short, --help the whole'
            cand -V 'Print version'
            cand --version 'Print version'
        }
    ]
    $completions[$command]
}
