
use builtin;
use str;

set edit:completion:arg-completer[rafka-consume] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'rafka-consume'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'rafka-consume'= {
            cand -o 'Where to start [default: earliest; with a group stored, else earliest]'
            cand --offset 'Where to start [default: earliest; with a group stored, else earliest]'
            cand -p 'Only these partitions, such as 0,2,5-7'
            cand --partitions 'Only these partitions, such as 0,2,5-7'
            cand -c 'Stop after N records'
            cand --count 'Stop after N records'
            cand --until 'Stop before this offset of each partition; takes what -o takes'
            cand --idle 'Stop when nothing came for so long'
            cand --isolation 'Whether records of open and aborted transactions are read too [default: committed]'
            cand -g 'Share the partitions with this group''s other members, and keep its place on the broker'
            cand --group 'Share the partitions with this group''s other members, and keep its place on the broker'
            cand --commit-interval 'How often the place is kept [default: 5s]'
            cand --format 'What to print for each record, and nothing else'
            cand -b 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]'
            cand --bootstrap 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]'
            cand -X 'Set any client setting by its Kafka name'
            cand --set 'Set any client setting by its Kafka name'
            cand --config 'Read settings from a file in Kafka''s .properties syntax'
            cand --timeout 'How long connecting and the first metadata may take [default: 10s]'
            cand -f 'Go on at the end, and print what comes'
            cand --follow 'Go on at the end, and print what comes'
            cand --skip-damaged 'Leave out what is damaged and go on, naming the offsets'
            cand --no-commit 'Leave the group''s place where it is'
            cand --reset 'Start at -o, even where the group has a place'
            cand -J 'Print each record as a line of JSON'
            cand --json 'Print each record as a line of JSON'
            cand --raw 'On a terminal too, print bytes as they are'
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
