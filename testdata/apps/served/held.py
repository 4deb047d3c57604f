# A server that takes a socket that was opened for it, by systemd's convention, and finishes what it began when asked to end.
import http.server, os, signal, socket, threading, time

assert int(os.environ["LISTEN_PID"]) == os.getpid() and os.environ["LISTEN_FDS"] == "1"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"python %d\n" % os.getpid()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if server.ending:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)
        server.kept.add(self.connection)

    def finish(self):
        server.kept.discard(self.connection)
        super().finish()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False
    ending = False
    kept = set()  # connections that got an answer: the next request may come, or not

    def __init__(self):
        super().__init__(("", 0), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = socket.socket(fileno=3)
        self.socket.settimeout(None)

    def get_request(self):
        try:
            connection, address = self.socket.accept()
        except BlockingIOError:
            raise OSError
        connection.setblocking(True)
        return connection, address


# No more is read from a connection, whose thread ends when it has answered what it has read.
def hang_up(connection):
    try:
        connection.shutdown(socket.SHUT_RD)
    except OSError:
        pass


server = Server()
server.socket.setblocking(False)


def ask_to_end(*_):
    server.ending = True
    threading.Thread(target=server.shutdown).start()


signal.signal(signal.SIGINT, ask_to_end)
if "NODE_CHANNEL_FD" in os.environ:
    os.write(int(os.environ["NODE_CHANNEL_FD"]), b'"ready"\n')
server.serve_forever(poll_interval=0.05)
server.socket.close()
# A connection that is kept may bring one more request: who closed it at once would lose one that is on its way. One that
# brought no request yet was accepted for it.
end = time.monotonic() + 1
while server.kept and time.monotonic() < end:
    time.sleep(0.01)
for c in list(server.kept):
    hang_up(c)
server.server_close()
