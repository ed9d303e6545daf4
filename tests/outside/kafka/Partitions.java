import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;

import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/**
 * Says in which of N partitions Kafka's own producer puts each key: keys on stdin, one a line (an empty line is the
 * empty key), one number a line on stdout. Run as one file: java -cp 'LIBS/*' Partitions.java N
 */
public class Partitions {
    public static void main(String[] arguments) throws IOException {
        int partitions = Integer.parseInt(arguments[0]);
        InputStream in = new BufferedInputStream(System.in);
        PrintStream out = new PrintStream(System.out, false);
        ByteArrayOutputStream key = new ByteArrayOutputStream();
        for (int next = in.read(); next >= 0; next = in.read()) {
            if (next != '\n') {
                key.write(next);
                continue;
            }
            out.println(BuiltInPartitioner.partitionForKey(key.toByteArray(), partitions));
            key.reset();
        }
        out.flush();
    }
}
