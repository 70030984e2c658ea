"""A peer that figures are compared with: Django Channels on uvicorn, which counts the messages of each connection.

Its first line on stdout is the service's `service_listening`, as far as benchmarks read it. No access log, no middleware.
"""

import asyncio
import json
import os
import socket

import django
import uvicorn
import uvloop
from django.conf import settings

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, DEBUG=False, LOGGING_CONFIG=None)
django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402


class CountConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        self.count = 0
        await self.accept()

    async def receive(self, text_data=None, bytes_data=None):
        self.count += 1
        await self.send(text_data=json.dumps({"count": self.count}))


urlpatterns = [path("readyz/", lambda request: JsonResponse({"ready": True}))]
application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": URLRouter([path("ws/chat/", CountConsumer.as_asgi())])}
)


async def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "0"))))
    listener.listen(4096)
    config = uvicorn.Config(
        application, log_level="error", access_log=False, lifespan="off", backlog=4096, ws_per_message_deflate=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    print(json.dumps({"event": "service_listening", "port": listener.getsockname()[1]}), flush=True)
    await serving


# What uvicorn itself runs on, where it is installed.
uvloop.run(main())
