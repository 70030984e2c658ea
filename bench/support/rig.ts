import type { Fleet, FleetReport } from '../../loadtest/src/fleet.ts';
import { openClients, type DialectName } from './clients.ts';
import { ServerProcess, type ServerKind } from './server-process.ts';

/** A server on a core of its own, and its clients on the others. */
export interface Rig {
  readonly server: ServerProcess;
  readonly fleet: Fleet;
  readonly opened: FleetReport;
  readonly end: () => Promise<void>;
}

/** What a rig is made of. */
export interface RigOptions {
  readonly kind: ServerKind;
  readonly env: Readonly<Record<string, string>>;
  readonly dialect: DialectName;
  readonly sockets: number;
}

/** Starts both. The server's loop is probed, and nobody looks at its log. */
export async function startRig({ kind, env, dialect, sockets }: RigOptions): Promise<Rig> {
  const server = await ServerProcess.start(kind, { env, loopProbe: true, discardLog: true, ownCore: true });
  try {
    const { fleet, opened } = await openClients(server.port, sockets, { dialect, offServerCore: true });
    const end = async (): Promise<void> => {
      await fleet.end();
      await server.kill();
    };
    return { server, fleet, opened, end };
  } catch (error) {
    await server.kill();
    throw error;
  }
}
