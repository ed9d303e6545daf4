
use builtin;
use str;

set edit:completion:arg-completer[rafka-server] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'rafka-server'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'rafka-server'= {
            cand --data-dir 'Keep data in this directory [default: data]'
            cand --listen 'Accept connections here; may be given several times [default: 127.0.0.1:9092]'
            cand --advertise 'Tell clients this address [default: the one they dialled]'
            cand --topic 'Create this topic at the start unless it is there; may be given several times'
            cand -X 'Set any setting of a broker by its Kafka name'
            cand --set 'Set any setting of a broker by its Kafka name'
            cand --config 'Read settings from a file in Kafka''s .properties syntax'
            cand --check 'Check settings and logs, say what is wrong, and exit'
            cand --print-config 'Print every setting with its value and where that comes from, and exit'
            cand -q 'Log only what needs attention'
            cand --quiet 'Log only what needs attention'
            cand -v 'Log more; twice for everything'
            cand --verbose 'Log more; twice for everything'
            cand -h 'Print help: -h the short, --help the whole'
            cand --help 'Print help: -h the short, --help the whole'
            cand -V 'Print version'
            cand --version 'Print version'
        }
    ]
    $completions[$command]
}
