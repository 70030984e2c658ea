/** Generated blocks of docs/clients.md: the options and events of client/, as its type declarations say. */
import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { DEFAULTS } from '../client/client.js';
import { code, markdownTable } from '../lib/markdown-table.ts';
import type { Blocks } from './generated-blocks.ts';

const FILE = new URL('../client/client.d.ts', import.meta.url);

export function clientBlocks(): Blocks {
  const defaults: Readonly<Record<string, number | undefined>> = { ...DEFAULTS };
  return {
    options: markdownTable(
      ['Option', 'Default', 'What it does'],
      membersOf('ClientOptions').map(({ name, doc }) => [code(name), String(defaults[name] ?? ''), doc]),
    ),
    events: markdownTable(
      ['Event', '`detail`', 'When'],
      membersOf('ClientEvents').map(({ name, type, doc }) => [code(name), code(type), doc]),
    ),
  };
}

interface Member {
  readonly name: string;
  readonly type: string;
  readonly doc: string;
}

function membersOf(name: string): Member[] {
  const source = ts.createSourceFile('client.d.ts', readFileSync(FILE, 'utf8'), ts.ScriptTarget.Latest, true);
  const found = source.statements.find((one) => ts.isInterfaceDeclaration(one) && one.name.text === name);
  if (found === undefined || !ts.isInterfaceDeclaration(found)) throw new Error(`client.d.ts has no interface ${name}`);
  return found.members.filter(ts.isPropertySignature).map((member) => ({
    name: member.name.getText(),
    type: typeOf(member.type),
    doc: docOf(member),
  }));
}

/** A type as it is written, without `readonly`; nothing for an object that is empty. */
function typeOf(type: ts.TypeNode | undefined): string {
  const text = (type?.getText() ?? '').replaceAll('readonly ', '');
  return text === 'Record<string, never>' ? '' : text;
}

function docOf(member: ts.PropertySignature): string {
  return ts
    .getJSDocCommentsAndTags(member)
    .map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '')
    .join(' ')
    .replaceAll(/\s+/g, ' ');
}
