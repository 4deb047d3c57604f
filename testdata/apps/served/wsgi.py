# A WSGI program. Its server takes the socket that is held, and finishes what it began, by itself.
import os

os.write(int(os.environ["NODE_CHANNEL_FD"]), b'"ready"\n')


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"wsgi %d\n" % os.getpid()]
