import type { Socket } from 'node:net';
import type { Cleanup } from '../../../testkit/redis.ts';
import { TcpProxy } from '../../../testkit/tcp-proxy.ts';

/** Where a command begins, with its name (RESP). */
const COMMANDS = /\*\d+\r\n\$\d+\r\n(\w+)\r\n/g;
/** What a node answers that is cut off from the others of its Cluster. */
const ANSWERS: Readonly<Record<string, string>> = {
  PING: '+PONG\r\n',
  EVAL: '-CLUSTERDOWN The cluster is down\r\n',
  EVALSHA: '-CLUSTERDOWN The cluster is down\r\n',
};

/** A TCP proxy before a node of a Cluster, which can answer as if the node were cut off from the others. */
export class CutOffNode extends TcpProxy {
  isCutOff = false;

  /** Starts one before a port of this machine. It ends with the test. */
  static start(t: Cleanup, target: number): Promise<CutOffNode> {
    return new CutOffNode().listen(t, target);
  }

  protected join(client: Socket, upstream: Socket): void {
    upstream.on('data', (data: Buffer) => client.write(data));
    client.on('data', (data: Buffer) => {
      const answers = this.isCutOff ? answersTo(data) : '';
      if (answers === '') upstream.write(data);
      else client.write(answers);
    });
  }
}

function answersTo(data: Buffer): string {
  return Array.from(data.toString('latin1').matchAll(COMMANDS), ([, name = '']) => ANSWERS[name] ?? '').join('');
}
