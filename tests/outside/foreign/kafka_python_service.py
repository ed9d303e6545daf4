"""Stands in for kafka-python's test/service.py, which its archive leaves out: the services that its fixtures speak of.

Only the one that runs elsewhere is of use here.
"""


class ExternalService:
    def __init__(self, host, port):
        self.host, self.port = host, port

    def open(self):
        pass


class SpawnedService:
    def __init__(self, *_):
        raise RuntimeError("no broker is started from within these tests")
