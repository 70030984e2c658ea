import type { Acknowledgement, PipelineClient } from './replicated-scripts.ts';

/** What a look at the servers found, a sentence each. */
export interface ReplicationFindings {
  /** What no server setting that may change by itself explains: no batch would ever be acknowledged. */
  readonly refusals: readonly string[];
  /** What can lose a count, or can't be known. */
  readonly warnings: readonly string[];
}

/** Checks that the masters can acknowledge batches, and that their settings leave no hole. */
export async function checkReplication(
  masters: readonly PipelineClient[],
  acknowledgement: Acknowledgement,
): Promise<ReplicationFindings> {
  const found = await Promise.all(masters.map((master) => checkMaster(master, acknowledgement)));
  return {
    refusals: [...new Set(found.flatMap(({ refusals }) => refusals))],
    warnings: [...new Set(found.flatMap(({ warnings }) => warnings))],
  };
}

/** Asks all at once: a batch that comes between would block the rest behind its `WAIT`. */
async function checkMaster(master: PipelineClient, acknowledgement: Acknowledgement): Promise<ReplicationFindings> {
  const { replicas } = acknowledgement;
  const [refusal, ...warnings] = await Promise.all([
    refusalOf(master, acknowledgement),
    ...(replicas > 0 ? [settingsWarning(master, replicas), replicasWarning(master, replicas)] : []),
  ]);
  if (refusal !== undefined) return { refusals: [refusal], warnings: [] };
  return { refusals: [], warnings: warnings.filter((warning) => warning !== undefined) };
}

/** The command itself is asked: it takes no right to read the server's settings. */
async function refusalOf(master: PipelineClient, { fsync }: Acknowledgement): Promise<string | undefined> {
  const [command, option] = fsync ? ['WAITAOF', 'STORE_FSYNC=true'] : ['WAIT', 'STORE_REPLICAS'];
  try {
    await ask(master, fsync ? [command, '1', '0', '1'] : [command, '0', '1']);
  } catch (error) {
    const message = messageOf(error);
    if (/unknown command/i.test(message))
      return `${option} needs the command ${command}, which the server does not have (WAITAOF: Redis 7.2 or later, or Valkey): update it, or drop ${option}`;
    if (/appendonly is disabled/i.test(message))
      return `${option} needs an append-only file, which the server does not write: set appendonly yes there and on its replicas, or drop ${option}`;
    if (message.startsWith('NOPERM'))
      return `${option} needs the command ${command}, which the user of REDIS_URL may not run: grant +${command.toLowerCase()}, or drop ${option}`;
    // Something that passes, such as a master that became a replica: each batch tells of it.
  }
  return undefined;
}

async function settingsWarning(master: PipelineClient, replicas: number): Promise<string | undefined> {
  let settings: Readonly<Record<string, string>>;
  try {
    settings = (await ask(master, ['CONFIG', 'GET', 'min-replicas-*'])) as typeof settings;
  } catch (error) {
    return `min-replicas-to-write can't be read (${messageOf(error)}): see to it that it is at least STORE_REPLICAS=${replicas}`;
  }
  const { 'min-replicas-to-write': least = '?', 'min-replicas-max-lag': lag = '?' } = settings;
  // 0 for either turns both off (redis.conf).
  if (Number(least) >= replicas && lag !== '0') return undefined;
  return `min-replicas-to-write ${least} and min-replicas-max-lag ${lag} let a master that is cut off from its replicas take counts, none of which is told and all of which it drops when it is a replica again: set min-replicas-to-write to at least STORE_REPLICAS=${replicas}, and a lag other than 0`;
}

async function replicasWarning(master: PipelineClient, replicas: number): Promise<string | undefined> {
  let info: string;
  try {
    info = (await ask(master, ['INFO', 'replication'])) as string;
  } catch (error) {
    return `the number of replicas can't be read (${messageOf(error)}): see to it that STORE_REPLICAS=${replicas} covers each one that can be promoted`;
  }
  const connected = Number(/^connected_slaves:(\d+)/m.exec(info)?.[1]);
  if (connected < replicas)
    return `${connected} replicas are connected, fewer than STORE_REPLICAS=${replicas}: no message is answered until there are more`;
  if (connected > replicas)
    return `${connected} replicas are connected, more than STORE_REPLICAS=${replicas}: if one is promoted that has not received a count, the count is lost; set STORE_REPLICAS=${connected}`;
  return undefined;
}

async function ask(master: PipelineClient, command: readonly string[]): Promise<unknown> {
  const [reply] = await master.multi().sendCommand(command).execAsPipeline();
  return reply;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
