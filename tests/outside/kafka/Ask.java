// Speaks for a driver that has no Java: reads one JSON object a line, answers one a line.
//
//   {"to": "HOST:PORT", "api": "METADATA", "version": 13, "body": {...}}
//       the response as JSON, by Kafka's own JSON form of its messages; "closed", "silent" or an error as a string
//   {"run": ["org.apache.kafka.tools.TopicCommand", "--list", ...]}
//       runs a tool of Kafka's in this JVM: {"code": 0, "out": "...", "err": "..."}

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.MessageSizeAccumulator;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.utils.Exit;

public class Ask {
    static final int PATIENCE_MS = 20_000;
    static final ObjectMapper JSON = new ObjectMapper();
    static final Map<String, Socket> SOCKETS = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = System.out;
        BufferedReader questions = new BufferedReader(new InputStreamReader(System.in));
        for (String line = questions.readLine(); line != null; line = questions.readLine()) {
            JsonNode question = JSON.readTree(line);
            answers.println(JSON.writeValueAsString(question.has("run") ? run(question.get("run")) : ask(question)));
            answers.flush();
        }
    }

    static JsonNode ask(JsonNode question) throws Exception {
        String to = question.get("to").asText();
        ApiKeys key = ApiKeys.valueOf(question.get("api").asText());
        short version = (short) question.get("version").asInt();
        try {
            return exchange(to, key, version, question.get("body"));
        } catch (EOFException gone) {
            SOCKETS.remove(to);
            return JSON.valueToTree("closed");
        } catch (SocketTimeoutException late) {
            SOCKETS.remove(to).close();
            return JSON.valueToTree("silent");
        } catch (InvocationTargetException wrong) {
            return JSON.valueToTree("error: " + wrong.getCause());
        }
    }

    static JsonNode exchange(String to, ApiKeys key, short version, JsonNode body) throws Exception {
        ApiMessage request = (ApiMessage) converter(key, "Request").getMethod("read", JsonNode.class, short.class).invoke(null, body, version);
        RequestHeaderData header = new RequestHeaderData().setRequestApiKey(key.id).setRequestApiVersion(version).setClientId("ask");
        short headerVersion = key.requestHeaderVersion(version);
        ObjectSerializationCache cache = new ObjectSerializationCache();
        MessageSizeAccumulator size = new MessageSizeAccumulator();
        header.addSize(size, cache, headerVersion);
        request.addSize(size, cache, version);
        ByteBuffer frame = ByteBuffer.allocate(Integer.BYTES + size.totalSize());
        frame.putInt(size.totalSize());
        ByteBufferAccessor out = new ByteBufferAccessor(frame);
        header.write(out, cache, headerVersion);
        request.write(out, cache, version);
        Socket socket = connection(to);
        socket.getOutputStream().write(frame.array());
        DataInputStream in = new DataInputStream(socket.getInputStream());
        byte[] bytes = new byte[in.readInt()];
        in.readFully(bytes);
        ByteBufferAccessor answer = new ByteBufferAccessor(ByteBuffer.wrap(bytes));
        new ResponseHeaderData(answer, key.responseHeaderVersion(version));
        ApiMessage response = key.messageType.newResponse();
        response.read(answer, version);
        return (JsonNode) converter(key, "Response").getMethod("write", response.getClass(), short.class).invoke(null, response, version);
    }

    static Socket connection(String to) throws Exception {
        Socket socket = SOCKETS.get(to);
        if (socket == null) {
            int colon = to.lastIndexOf(':');
            socket = new Socket(to.substring(0, colon), Integer.parseInt(to.substring(colon + 1)));
            socket.setSoTimeout(PATIENCE_MS);
            SOCKETS.put(to, socket);
        }
        return socket;
    }

    static Class<?> converter(ApiKeys key, String direction) throws Exception {
        return Class.forName("org.apache.kafka.common.message." + key.name + direction + "DataJsonConverter");
    }

    /** A tool that wants to end the JVM ends here. Some catch it, and want to end again: the first code is meant. */
    static class Ended extends RuntimeException {
    }

    static JsonNode run(JsonNode words) throws Exception {
        List<String> arguments = new ArrayList<>();
        words.forEach(word -> arguments.add(word.asText()));
        Class<?> tool = Class.forName(arguments.remove(0));
        List<Integer> codes = new ArrayList<>();
        Exit.setExitProcedure((code, message) -> {
            codes.add(code);
            throw new Ended();
        });
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        PrintStream realOut = System.out;
        PrintStream realErr = System.err;
        System.setOut(new PrintStream(out, true));
        System.setErr(new PrintStream(err, true));
        try {
            // Scala's Console keeps the stream it first saw.
            scala.Console.withOut(System.out, (scala.Function0<Object>) () -> {
                try {
                    return tool.getMethod("main", String[].class).invoke(null, (Object) arguments.toArray(new String[0]));
                } catch (InvocationTargetException thrown) {
                    throw thrown.getCause() instanceof RuntimeException cause ? cause : new RuntimeException(thrown.getCause());
                } catch (ReflectiveOperationException wrong) {
                    throw new IllegalStateException(wrong);
                }
            });
        } catch (Ended ended) {
            // Its code is kept.
        } catch (RuntimeException thrown) {
            codes.add(1);
            thrown.printStackTrace();
        } finally {
            System.setOut(realOut);
            System.setErr(realErr);
            Exit.resetExitProcedure();
        }
        ObjectNode answer = JSON.createObjectNode();
        return answer.put("code", codes.isEmpty() ? 0 : codes.get(0)).put("out", out.toString()).put("err", err.toString());
    }
}
