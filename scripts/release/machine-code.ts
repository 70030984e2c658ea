import { closeSync, mkdirSync, openSync, readdirSync, readSync } from 'node:fs';
import { join, relative } from 'node:path';
import { runWell, withFolder } from '../chart/tools.ts';

/** How files with machine code begin: ELF, Mach-O of both byte orders and of several processors, PE. */
const BEGINNINGS = ['7f454c46', 'feedface', 'feedfacf', 'cefaedfe', 'cffaedfe', 'cafebabe', '4d5a'];
/** Modules of Node.js that are machine code, whatever they begin with. */
const NAMES = /\.(node|so|dylib|dll|exe)$/;

/**
 * Looks for files that one kind of processor alone can run.
 * @param layer a gzipped layer, by its digest: `host/repository@sha256:...`
 * @returns their paths in the layer
 */
export function machineCodeIn(layer: string): readonly string[] {
  return withFolder((folder) => {
    const archive = join(folder, 'layer.tar.gz');
    // Not by standard output, which is read as text.
    runWell('bash', ['-c', 'crane blob "$0" >"$1"', layer, archive]);
    const files = join(folder, 'files');
    mkdirSync(files);
    runWell('tar', ['-xzf', archive, '-C', files, '--no-same-owner']);
    return machineCodeUnder(files);
  });
}

/** The same for a folder. @returns paths in it */
export function machineCodeUnder(folder: string): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map(({ parentPath, name }) => relative(folder, join(parentPath, name)));
  return paths.filter((path) => NAMES.test(path) || isMachineCode(join(folder, path))).sort();
}

function isMachineCode(path: string): boolean {
  const first = Buffer.alloc(4);
  const file = openSync(path, 'r');
  const length = readSync(file, first, 0, 4, 0);
  closeSync(file);
  return BEGINNINGS.some((beginning) => first.toString('hex', 0, length).startsWith(beginning));
}
