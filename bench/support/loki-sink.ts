/**
 * A stand-in for a Loki on another machine: it takes pushes and keeps nothing, so that what it costs is the service's part alone.
 * Its first line on stdout is its address. Its argument is the time that it takes for each push, in milliseconds.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const delayMs = Number(process.argv[2] ?? 0);

const server = createServer((request, response) => {
  request.resume().on('end', () => {
    setTimeout(() => response.writeHead(204).end(), delayMs);
  });
});

server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
