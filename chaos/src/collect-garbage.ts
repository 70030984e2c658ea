import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Lets a process of Node.js collect its garbage, by its inspector, which SIGUSR1 opens.
 * @param port what the process was told by `--inspect-port`
 */
export async function collectGarbage(pid: number, port: number): Promise<void> {
  process.kill(pid, 'SIGUSR1');
  const [target] = (await untilAnswered(`http://127.0.0.1:${port}/json/list`)) as { webSocketDebuggerUrl: string }[];
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '');
  await once(socket, 'open');
  socket.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' }));
  await once(socket, 'message');
  socket.close();
}

async function untilAnswered(url: string): Promise<unknown> {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await (await fetch(url)).json();
    } catch (error) {
      if (attempt === 50) throw error;
      await delay(20);
    }
}
