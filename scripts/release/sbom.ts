import { runWell, TOOL_ENV } from '../chart/tools.ts';

/** Every file gets into the SBOM, not only those of a package; the staging registry speaks HTTP. */
const SETTINGS = { SYFT_FILE_METADATA_SELECTION: 'all', SYFT_REGISTRY_INSECURE_USE_HTTP: 'true' };

/** Writes what an image is made of, as SPDX. @param reference of one platform's image, in the staging registry */
export function imageSbom(reference: string, platform: string, version: string, file: string): void {
  syft(`registry:${reference}`, version, file, '--platform', platform);
}

/** Writes what a chart is made of, as SPDX: its files. */
export function chartSbom(folder: string, version: string, file: string): void {
  syft(`dir:${folder}`, version, file);
}

function syft(source: string, version: string, file: string, ...flags: readonly string[]): void {
  Object.assign(TOOL_ENV, SETTINGS);
  const about = ['--source-name', 'websocket-message-counter', '--source-version', version];
  runWell('syft', ['scan', '--quiet', ...about, ...flags, '--output', `spdx-json=${file}`, source]);
}
