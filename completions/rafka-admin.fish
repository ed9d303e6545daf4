# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rafka_admin_global_optspecs
    string join \n output= b/bootstrap= X/set= config= timeout= q/quiet v/verbose no-progress h/help V/version
end

function __fish_rafka_admin_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rafka_admin_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rafka_admin_using_subcommand
    set -l cmd (__fish_rafka_admin_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -s V -l version -d 'Print version'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "create-topic" -d 'Create topics'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "list-topics" -d 'List topics'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "describe-topic" -d 'Show the partitions of topics, and settings that were changed'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "delete-topic" -d 'Delete topics and all their records'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "add-partitions" -d 'Give a topic more partitions'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "list-offsets" -d 'Show where partitions start and end, or where a time is'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "trim-topic" -d 'Delete the records before an offset'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "list-groups" -d 'List consumer groups'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "describe-group" -d 'Show the members of groups, and how far they have read'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "reset-group" -d 'Move the place of a group in a topic'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "delete-group" -d 'Delete groups and what they have committed'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "get-config" -d 'Show the settings of a topic or a broker'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "set-config" -d 'Change settings of a topic or a broker'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "cluster-info" -d 'Show the brokers of the cluster'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "ping" -d 'Ask whether a broker answers'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "bench" -d 'Measure a broker: produce, consume, latency'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "wait" -d 'Wait until a topic holds records, or a group has read them'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "inspect-segment" -d 'Show what a segment file holds, without a broker'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "verify-log" -d 'Check every log file under directories, without a broker'
complete -c rafka-admin -n "__fish_rafka_admin_needs_command" -f -a "torture" -d 'Kill a broker of its own over and over, and look whether anything is lost'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand create-topic" -s p -l partitions -d 'How many partitions each gets [default: the broker\'s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand create-topic" -l replicas -d 'How many brokers keep each partition [default: the broker\'s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand create-topic" -l setting -d 'Set a setting of the topic by its Kafka name; may be given several times' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand create-topic" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand create-topic" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand create-topic" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand create-topic" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand create-topic" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand create-topic" -l if-not-exists -d 'Leave a topic that is there already as it is, and call that success'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand create-topic" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand create-topic" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand create-topic" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand create-topic" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-topics" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-topics" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-topics" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-topics" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-topics" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-topics" -l internal -d 'List Kafka\'s own topics too, such as __consumer_offsets'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-topics" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-topics" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-topics" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-topics" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-topic" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-topic" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-topic" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-topic" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-topic" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-topic" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-topic" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-topic" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-topic" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-topic" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-topic" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-topic" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-topic" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-topic" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-topic" -s y -l yes -d 'Do it without asking'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-topic" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-topic" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-topic" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-topic" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand add-partitions" -l to -d 'How many partitions it has afterwards' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand add-partitions" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand add-partitions" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand add-partitions" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand add-partitions" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand add-partitions" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand add-partitions" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand add-partitions" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand add-partitions" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand add-partitions" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-offsets" -l at -d 'Show this place: earliest, latest, -N (before the end) or @TIME' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-offsets" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-offsets" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-offsets" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-offsets" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-offsets" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-offsets" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-offsets" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-offsets" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-offsets" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand trim-topic" -l only -d 'Only these partitions, such as 0,2,5-7 [default: all]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand trim-topic" -l before -d 'The first offset that stays: N, latest, -N (before the end) or @TIME' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand trim-topic" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand trim-topic" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand trim-topic" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand trim-topic" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand trim-topic" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand trim-topic" -s y -l yes -d 'Do it without asking'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand trim-topic" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand trim-topic" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand trim-topic" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand trim-topic" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-groups" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-groups" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-groups" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-groups" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-groups" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-groups" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-groups" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-groups" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand list-groups" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-group" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-group" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-group" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-group" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-group" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-group" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-group" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-group" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand describe-group" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand reset-group" -l topic -d 'The topic whose partitions are meant' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand reset-group" -l to -d 'Where to go on: earliest, latest, N, -N (before the end) or @TIME' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand reset-group" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand reset-group" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand reset-group" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand reset-group" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand reset-group" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand reset-group" -l dry-run -d 'Show what would be done, and do nothing'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand reset-group" -s y -l yes -d 'Do it without asking'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand reset-group" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand reset-group" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand reset-group" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand reset-group" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-group" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-group" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-group" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-group" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-group" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-group" -s y -l yes -d 'Do it without asking'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-group" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-group" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-group" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand delete-group" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand get-config" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand get-config" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand get-config" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand get-config" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand get-config" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand get-config" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand get-config" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand get-config" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand get-config" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand set-config" -l unset -d 'Put a setting back to its default; may be given several times' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand set-config" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand set-config" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand set-config" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand set-config" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand set-config" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand set-config" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand set-config" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand set-config" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand set-config" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand cluster-info" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand cluster-info" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand cluster-info" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand cluster-info" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand cluster-info" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand cluster-info" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand cluster-info" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand cluster-info" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand cluster-info" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand ping" -l wait -d 'Keep trying for this time' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand ping" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand ping" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand ping" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand ping" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand ping" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand ping" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand ping" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand ping" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand ping" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -l records -d 'Stop after so many records [default: 1000000, at most 1 GiB; latency 10s of them]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -l duration -d 'Stop each measurement after this time' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -l size -d 'Bytes of a record\'s value, which are letters at random [default: 100]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -l rate -d 'Send so many records a second [default: as fast as it goes; latency 1000]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -l producers -d 'produce: so many producers at once, each with its own connections' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -l topic -d 'Use this topic, which is there, and keep it and all that is written to it' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -s p -l partitions -d 'How many partitions the topic made for it gets' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -l replicas -d 'How many brokers keep each of them [default: the broker\'s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -l setting -d 'Set a setting of the topic made for it; may be given several times' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -l acks -d 'When a record counts as delivered [default: all]' -r -f -a "all\t''
1\t''
0\t''"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -s z -l compression -d 'Compress batches [default: none]' -r -f -a "none\t''
gzip\t''
snappy\t''
lz4\t''
zstd\t''"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -l linger -d 'How long a batch waits for more records [default: not at all]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand bench" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand wait" -l topic -d 'Wait for this topic' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand wait" -l records -d 'until it holds at least N records' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand wait" -l group -d 'Wait for this consumer group' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand wait" -l lag -d 'until at most N records are between what it has committed and the ends of its partitions' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand wait" -l timeout -d 'Give up after this time [default: never]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand wait" -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand wait" -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand wait" -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand wait" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand wait" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand wait" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand wait" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand inspect-segment" -l from -d 'Start at this offset' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand inspect-segment" -s c -l count -d 'Stop after so many' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand inspect-segment" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand inspect-segment" -l records -d 'Show the records instead of the batches'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand inspect-segment" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand inspect-segment" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand inspect-segment" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand inspect-segment" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand verify-log" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand verify-log" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand verify-log" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand verify-log" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand verify-log" -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand torture" -l minutes -d 'Go on for so many minutes' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand torture" -l kills -d 'Stop after so many rounds, each with at least one kill' -r
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand torture" -l output -d 'How to print results [default: table on a terminal, else plain]' -r -f -a "table\t'Aligned columns with a heading'
plain\t'TAB-separated lines without a heading'
json\t'One JSON document'"
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand torture" -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand torture" -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand torture" -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-admin -n "__fish_rafka_admin_using_subcommand torture" -s h -l help -d 'Print help: -h the short, --help the whole'
