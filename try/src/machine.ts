import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter } from 'node:path';
import { lastLine } from '../../lib/last-line.ts';
import { obstacles, onPath, toolEnvironment } from '../../scripts/tools.ts';

/** What this machine has for a trial. */
export interface Machine {
  /** `silent`: the client is there, its daemon does not answer. */
  readonly docker: 'answers' | 'silent' | 'absent';
  /** Programs that are there. */
  readonly tools: ReadonlySet<string>;
  /** Current context of the kubeconfig, unless it is the test bed's. */
  readonly context: string | undefined;
  /** Why there is none. */
  readonly noContext?: string;
  /** What keeps the test bed from being used; `undefined` if nothing does. */
  readonly testbed: string | undefined;
}

/** Longest that a program may take to answer, in milliseconds. */
const ANSWER_MS = 10_000;
const TOOLS = ['kind', 'k3d', 'minikube', 'kubectl', 'helm'];

/** Looks at what is there. Nothing is changed. */
export function lookAround(): Machine {
  const tools = new Set(TOOLS.filter((tool) => onPath(tool) !== undefined));
  return {
    docker:
      onPath('docker') === undefined
        ? 'absent'
        : answers('docker', 'version', '--format', '{{.Server.Version}}')
          ? 'answers'
          : 'silent',
    tools,
    ...currentContext(),
    testbed: testbedObstacle(),
  };
}

function currentContext(): Pick<Machine, 'context' | 'noContext'> {
  if (onPath('kubectl') === undefined) return { context: undefined, noContext: 'kubectl is not on PATH' };
  const absent = (process.env['KUBECONFIG'] ?? '').split(delimiter).find((file) => file !== '' && !existsSync(file));
  if (absent !== undefined)
    return { context: undefined, noContext: `KUBECONFIG names ${absent}, which does not exist` };
  const { status, stdout, stderr } = answer('kubectl', 'config', 'current-context');
  const context = stdout.trim();
  if (status === 0) return context === 'testbed' ? { context: undefined } : { context };
  return {
    context: undefined,
    ...(!stderr.includes('current-context is not set') && { noContext: `kubectl says "${lastLine(stderr)}"` }),
  };
}

function testbedObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'it takes Linux';
  const { apt, go } = obstacles();
  return [apt, go].filter((obstacle) => obstacle !== undefined).join(', ') || undefined;
}

function answers(program: string, ...args: string[]): boolean {
  const { status, stdout } = answer(program, ...args);
  return status === 0 && stdout.trim() !== '';
}

function answer(program: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(program, args, { encoding: 'utf8', env: toolEnvironment(), timeout: ANSWER_MS });
}
