complete -c rafka-consume -s o -l offset -d 'Where to start [default: earliest; with a group stored, else earliest]' -r
complete -c rafka-consume -s p -l partitions -d 'Only these partitions, such as 0,2,5-7' -r
complete -c rafka-consume -s c -l count -d 'Stop after N records' -r
complete -c rafka-consume -l until -d 'Stop before this offset of each partition; takes what -o takes' -r
complete -c rafka-consume -l idle -d 'Stop when nothing came for so long' -r
complete -c rafka-consume -l isolation -d 'Whether records of open and aborted transactions are read too [default: committed]' -r -f -a "committed\t''
uncommitted\t''"
complete -c rafka-consume -s g -l group -d 'Share the partitions with this group\'s other members, and keep its place on the broker' -r
complete -c rafka-consume -l commit-interval -d 'How often the place is kept [default: 5s]' -r
complete -c rafka-consume -l format -d 'What to print for each record, and nothing else' -r
complete -c rafka-consume -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-consume -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-consume -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-consume -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-consume -s f -l follow -d 'Go on at the end, and print what comes'
complete -c rafka-consume -l skip-damaged -d 'Leave out what is damaged and go on, naming the offsets'
complete -c rafka-consume -l no-commit -d 'Leave the group\'s place where it is'
complete -c rafka-consume -l reset -d 'Start at -o, even where the group has a place'
complete -c rafka-consume -s J -l json -d 'Print each record as a line of JSON'
complete -c rafka-consume -l raw -d 'On a terminal too, print bytes as they are'
complete -c rafka-consume -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-consume -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-consume -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-consume -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-consume -s V -l version -d 'Print version'
