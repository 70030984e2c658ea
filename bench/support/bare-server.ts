/**
 * The peer that figures are compared with: `ws` alone, which counts the messages of each connection and answers
 * `{"count": n}`, without sessions, logs, metrics, limits or a drain. `/readyz/` answers 200, for the start to be timed alike.
 *
 * Its first line on stdout is the service's `service_listening`, as far as benchmarks read it.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

const server = createServer((_request, response) => {
  response.setHeader('Content-Type', 'application/json');
  response.end('{"ready":true}');
});

new WebSocketServer({ server }).on('connection', (socket) => {
  let count = 0;
  socket.on('message', () => {
    count += 1;
    socket.send(`{"count": ${count}}`);
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
