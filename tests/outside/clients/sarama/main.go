// sarama as a program: see ../README.md for what it takes and prints.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/IBM/sarama"
)

var codecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

func main() {
	if len(os.Args) != 5 {
		fail("usage: sarama produce|consume|group BROKER TOPIC CODEC|COUNT|GROUP")
	}
	broker, topic, last := []string{os.Args[2]}, os.Args[3], os.Args[4]
	switch os.Args[1] {
	case "produce":
		produce(broker, topic, last)
	case "consume":
		count, err := strconv.Atoi(last)
		check(err)
		consume(broker, topic, count)
	case "group":
		group(broker, topic, last)
	default:
		fail("unknown word " + os.Args[1])
	}
}

func config() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	return config
}

func produce(broker []string, topic, codec string) {
	config := config()
	config.Producer.Compression = codecs[codec]
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	config.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer(broker, config)
	check(err)
	var messages []*sarama.ProducerMessage
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		messages = append(messages, &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(key), Value: sarama.StringEncoder(value)})
	}
	check(lines.Err())
	check(producer.SendMessages(messages))
	check(producer.Close())
}

func consume(broker []string, topic string, count int) {
	consumer, err := sarama.NewConsumer(broker, config())
	check(err)
	partitions, err := consumer.Partitions(topic)
	check(err)
	messages := make(chan *sarama.ConsumerMessage)
	for _, partition := range partitions {
		reader, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
		check(err)
		go func() {
			for message := range reader.Messages() {
				messages <- message
			}
		}()
	}
	for range count {
		show(<-messages)
	}
}

// What a group's member does with its partitions.
type member struct{}

func (member) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (member) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, more := <-claim.Messages():
			if !more {
				return nil
			}
			show(message)
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func group(broker []string, topic, name string) {
	group, err := sarama.NewConsumerGroup(broker, name, config())
	check(err)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	for ctx.Err() == nil {
		check(group.Consume(ctx, []string{topic}, member{}))
	}
	check(group.Close())
}

var printing sync.Mutex

func show(message *sarama.ConsumerMessage) {
	printing.Lock()
	defer printing.Unlock()
	fmt.Printf("%s:%s\n", message.Key, message.Value)
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, "sarama:", why)
	os.Exit(1)
}
