import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/** kafka-clients as a program, written so that versions from 2.0 on compile it: see ../README.md for what it takes. */
public class Client {
    static final Duration POLL = Duration.ofMillis(200);

    public static void main(String[] words) throws Exception {
        String what = words[0], broker = words[1], topic = words[2], last = words[3];
        if (what.equals("produce")) produce(broker, topic, last);
        else if (what.equals("consume")) consume(broker, topic, Integer.parseInt(last));
        else if (what.equals("group")) group(broker, topic, last);
        else throw new IllegalArgumentException("unknown word " + what);
    }

    static void produce(String broker, String topic, String codec) throws Exception {
        Properties settings = settings(broker);
        settings.put("acks", "all");
        settings.put("enable.idempotence", "true");
        settings.put("linger.ms", "5");
        settings.put("compression.type", codec);
        settings.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        settings.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings);
                BufferedReader lines = new BufferedReader(new InputStreamReader(System.in))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                int at = line.indexOf(':');
                sent.add(producer.send(new ProducerRecord<>(topic, line.substring(0, at), line.substring(at + 1))));
            }
            producer.flush();
            for (Future<RecordMetadata> one : sent) one.get();
        }
    }

    static void consume(String broker, String topic, int count) {
        try (KafkaConsumer<String, String> consumer = consumer(broker, null)) {
            consumer.assign(consumer.partitionsFor(topic).stream()
                    .map(p -> new TopicPartition(topic, p.partition())).collect(Collectors.toList()));
            consumer.seekToBeginning(consumer.assignment());
            while (count > 0) {
                for (ConsumerRecord<String, String> record : consumer.poll(POLL)) {
                    if (count-- > 0) show(record);
                }
            }
        }
    }

    static void group(String broker, String topic, String name) throws Exception {
        AtomicBoolean ended = new AtomicBoolean();
        Thread input = new Thread(() -> {
            try {
                while (System.in.read() >= 0) continue;
            } catch (java.io.IOException closed) {
                // ends as well
            }
            ended.set(true);
        });
        input.setDaemon(true);
        input.start();
        try (KafkaConsumer<String, String> consumer = consumer(broker, name)) {
            consumer.subscribe(Collections.singletonList(topic));
            while (!ended.get()) {
                for (ConsumerRecord<String, String> record : consumer.poll(POLL)) show(record);
                consumer.commitSync();
            }
        }
    }

    static KafkaConsumer<String, String> consumer(String broker, String group) {
        Properties settings = settings(broker);
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        settings.put("session.timeout.ms", "10000");
        settings.put("heartbeat.interval.ms", "500");
        if (group != null) settings.put("group.id", group);
        settings.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        settings.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        return new KafkaConsumer<>(settings);
    }

    static Properties settings(String broker) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", broker);
        return settings;
    }

    static void show(ConsumerRecord<String, String> record) {
        System.out.println(record.key() + ":" + record.value());
        System.out.flush();
    }
}
