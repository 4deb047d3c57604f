# An ASGI program. Its server takes the socket that is held, and finishes what it began, by itself.
import os


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.startup":
                os.write(int(os.environ["NODE_CHANNEL_FD"]), b'"ready"\n')
            else:
                return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"asgi %d\n" % os.getpid()})
