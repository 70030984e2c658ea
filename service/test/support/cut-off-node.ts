import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Cleanup } from '../../../testkit/redis.ts';

/** Where a command begins, with its name (RESP). */
const COMMANDS = /\*\d+\r\n\$\d+\r\n(\w+)\r\n/g;
/** What a node answers that is cut off from the others of its Cluster. */
const ANSWERS: Readonly<Record<string, string>> = {
  PING: '+PONG\r\n',
  EVAL: '-CLUSTERDOWN The cluster is down\r\n',
  EVALSHA: '-CLUSTERDOWN The cluster is down\r\n',
};

/** A TCP proxy before a node of a Cluster, which can answer as if the node were cut off from the others. */
export class CutOffNode {
  readonly port: number;
  isCutOff = false;

  private constructor(port: number) {
    this.port = port;
  }

  /** Starts one before a port of this machine. It ends with the test. */
  static async start(t: Cleanup, target: number): Promise<CutOffNode> {
    const sockets = new Set<Socket>();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new CutOffNode((server.address() as AddressInfo).port);
    server.on('connection', (client) => {
      const upstream = connect(target, '127.0.0.1');
      for (const socket of [client, upstream]) {
        sockets.add(socket);
        socket
          .on('error', () => undefined)
          .on('close', () => {
            client.destroy();
            upstream.destroy();
          });
      }
      upstream.on('data', (data: Buffer) => client.write(data));
      client.on('data', (data: Buffer) => {
        const answers = proxy.isCutOff ? answersTo(data) : '';
        if (answers === '') upstream.write(data);
        else client.write(answers);
      });
    });
    t.after(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return proxy;
  }
}

function answersTo(data: Buffer): string {
  return Array.from(data.toString('latin1').matchAll(COMMANDS), ([, name = '']) => ANSWERS[name] ?? '').join('');
}
