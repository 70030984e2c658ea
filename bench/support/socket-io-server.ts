/**
 * A peer that figures are compared with: Socket.IO, over WebSockets alone, as it is used: an event in, an event with the count out.
 *
 * Its first line on stdout is the service's `service_listening`, as far as benchmarks read it.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';

const server = createServer((_request, response) => {
  response.setHeader('Content-Type', 'application/json');
  response.end('{"ready":true}');
});

new Server(server, { transports: ['websocket'], serveClient: false }).on('connection', (socket) => {
  let count = 0;
  socket.on('message', () => {
    count += 1;
    socket.emit('count', { count });
  });
});

// The backlog is the service's: connecting is not what differs.
server.listen(
  { port: Number(process.env['PORT'] ?? 0), host: process.env['HOST'] ?? '127.0.0.1', backlog: 1024 },
  () => {
    const { port } = server.address() as AddressInfo;
    process.stdout.write(`${JSON.stringify({ event: 'service_listening', port })}\n`);
  },
);
