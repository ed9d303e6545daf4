complete -c rafka-produce -s k -l key -d 'One key for all records' -r
complete -c rafka-produce -s K -l key-separator -d 'Key before the first SEP of each record, value after it' -r
complete -c rafka-produce -s H -l header -d 'A header for all records; repeatable, order and duplicates are kept' -r
complete -c rafka-produce -s D -l delimiter -d 'What ends a record [default: newline]; \'\' makes one record of all the input' -r
complete -c rafka-produce -s p -l partition -d 'Write to this partition only' -r
complete -c rafka-produce -l partitioner -d 'How a record finds its partition [default: key-hash]' -r -f -a "round-robin\t'The next partition for each record'
key-hash\t'By the key, where there is one'"
complete -c rafka-produce -l acks -d 'When a record counts as delivered [default: all]' -r -f -a "all\t''
1\t''
0\t''"
complete -c rafka-produce -s z -l compression -d 'Compress batches [default: none]' -r -f -a "none\t''
gzip\t''
snappy\t''
lz4\t''
zstd\t''"
complete -c rafka-produce -l linger -d 'How long a batch waits for more records [default: not at all]' -r
complete -c rafka-produce -s b -l bootstrap -d 'Brokers to ask first, comma-separated [default: 127.0.0.1:9092]' -r
complete -c rafka-produce -s X -l set -d 'Set any client setting by its Kafka name' -r
complete -c rafka-produce -l config -d 'Read settings from a file in Kafka\'s .properties syntax' -r -F
complete -c rafka-produce -l timeout -d 'How long connecting and the first metadata may take [default: 10s]' -r
complete -c rafka-produce -s Z -l null-empty -d 'Turn an empty value into null, a tombstone'
complete -c rafka-produce -s J -l json -d 'Read each line as a JSON record, as rafka-consume -J prints it'
complete -c rafka-produce -l keep-partition -d 'With -J: each record into the partition its line names'
complete -c rafka-produce -l no-create -d 'Fail if the topic does not exist'
complete -c rafka-produce -l report -d 'Print topic, partition and offset of each record, in the order of the input'
complete -c rafka-produce -s q -l quiet -d 'Say nothing but errors'
complete -c rafka-produce -s v -l verbose -d 'Say more; twice for everything'
complete -c rafka-produce -l no-progress -d 'Show no progress, even on a terminal'
complete -c rafka-produce -s h -l help -d 'Print help: -h the short, --help the whole'
complete -c rafka-produce -s V -l version -d 'Print version'
