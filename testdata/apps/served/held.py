# A server that takes a socket that was opened for it, by systemd's convention, and finishes what it began when asked to end.
import http.server, os, signal, socket, threading

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

    def setup(self):
        super().setup()
        server.busy.add(self.connection)

    def finish(self):
        server.busy.discard(self.connection)
        super().finish()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False
    ending = False
    busy = set()

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

    def verify_request(self, *_):
        return True


server = Server()
server.socket.setblocking(False)


def end(*_):
    server.ending = True
    threading.Thread(target=server.shutdown).start()


signal.signal(signal.SIGINT, end)
if "NODE_CHANNEL_FD" in os.environ:
    os.write(int(os.environ["NODE_CHANNEL_FD"]), b'"ready"\n')
server.serve_forever(poll_interval=0.05)
server.socket.close()
# A connection that is kept and idle is closed; one that is being answered is finished.
for c in list(server.busy):
    try:
        c.shutdown(socket.SHUT_RD)
    except OSError:
        pass
server.server_close()
