"""Kafka's own message classes and tools, asked line by line (kafka/Ask.java): any API in any version, in one JVM."""

import json
import subprocess

from . import kafka
from .checks import Failure


class Asker:
    """One JVM for many questions; a context manager."""

    def __enter__(self):
        command = ["bash", "-c", f"exec {kafka.java_source('Ask.java')}"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def line(self, question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise Failure(f"Ask.java ended (exit {self.process.wait()}) at {question}")
        return json.loads(answer)

    def ask(self, address, api, version, body):
        """The response as Kafka's JSON form has it."""
        return self.line({"to": address, "api": api, "version": version, "body": body})

    def run(self, tool, *arguments, code=0):
        """What a tool of Kafka's prints; stdout and stderr."""
        done = self.line({"run": [tool, *map(str, arguments)]})
        if code is not None and done["code"] != code:
            raise Failure(f"{tool} {' '.join(map(str, arguments))}: exit {done['code']}, expected {code}\n{done['out']}\n{done['err']}")
        return done["out"], done["err"]
