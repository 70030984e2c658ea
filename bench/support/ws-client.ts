/**
 * A bare `ws` client, as one writes it in a few lines: sockets that send on a timer each and read each reply, no checks, no
 * histograms. `node ws-client.ts URL SOCKETS MESSAGES_PER_SECOND SECONDS` prints how many replies came.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';

const [url = '', sockets = 0, rate = 0, seconds = 0] = [process.argv[2], ...process.argv.slice(3).map(Number)];
let replies = 0;

const open = await Promise.all(
  Array.from({ length: sockets }, async () => {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
    socket.on('message', (data: Buffer) => {
      const { count } = JSON.parse(data.toString()) as { count: number };
      if (count > 0) replies += 1;
    });
    // Spread over the period, as users are.
    if (rate > 0)
      setTimeout(
        () => {
          setInterval(() => {
            socket.send('message message ');
          }, 1000 / rate);
        },
        (Math.random() * 1000) / rate,
      );
    return socket;
  }),
);
await sleep(seconds * 1000);
console.log(replies);
for (const socket of open) socket.terminate();
process.exit();
