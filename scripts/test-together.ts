/**
 * A test file that holds others: those that TOGETHER names (paths from the repository's folder, a space between two) run in
 * this one process, one after the other. Each that has a process of its own costs its start, and loads the same modules again.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

for (const file of process.env['TOGETHER']?.split(' ') ?? []) await import(pathToFileURL(resolve(file)).href);
