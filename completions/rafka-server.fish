complete -c rafka-server -l data-dir -d 'Keep data in this directory [default: data]' -r -f -a "(__fish_complete_directories)"
complete -c rafka-server -l listen -d 'Accept connections here; may be given several times [default: 127.0.0.1:9092]' -r
complete -c rafka-server -l advertise -d 'Tell clients this address [default: the one they dialled]' -r
complete -c rafka-server -l topic -d 'Create this topic at the start unless it is there; may be given several times' -r
complete -c rafka-server -s X -l set -d 'Set any setting of a broker by its Kafka name' -r
complete -c rafka-server -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-server -l check -d 'Check settings and logs, say what is wrong, and exit'
complete -c rafka-server -l print-config -d 'Print every setting with its value and where that comes from, and exit'
complete -c rafka-server -s q -l quiet -d 'Log only what needs attention'
complete -c rafka-server -s v -l verbose -d 'Log more; twice for everything'
complete -c rafka-server -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-server -s V -l version -d 'Print version'
