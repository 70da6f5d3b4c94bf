/** What is known of a job, in words, and the Python that follows it. */

import { html, type TemplateResult } from 'lit';

import type { PsijJobStatus, PsijJobSummary } from '../../wire/types.js';
import { duration, plural, time } from '../../text/format.js';
import { endpointPython, pluginPython, pythonText } from '../../text/python.js';
import { lineOf } from '../../text/words.js';

export type Fact = [name: string, value: string | TemplateResult];

/** Return the command line. */
export function commandOf(job: PsijJobSummary): string {
  return lineOf([job.executable, ...(job.arguments ?? [])]);
}

/** Return what people call it: its name, or what it runs. */
export function titleOfJob(job: PsijJobSummary): string {
  return job.name || (job.executable ? commandOf(job) : job.job_id);
}

/** Return the id that the scheduler has, or the beginning of ours. */
export function shortId(job: PsijJobSummary): string {
  return job.native_id || job.job_id.slice(0, 8);
}

export function exitOf(job: PsijJobSummary): string {
  return job.exit_code === null ||
    job.exit_code === undefined ||
    (job.exit_code === 0 && job.state === 'COMPLETED')
    ? ''
    : String(job.exit_code);
}

export function factsOf(endpoint: string, job: PsijJobSummary & Partial<PsijJobStatus>): Fact[] {
  const facts: [string, string | null | undefined][] = [
    ['Name', job.name],
    ['Job', job.job_id],
    ['Native id', job.native_id],
    ['Endpoint', endpoint],
    ['Executor', job.executor],
    ['Queue', job.queue_name],
    ['Account', job.account],
    ['Nodes', job.node_count === null ? null : String(job.node_count)],
    ['Time limit', job.duration ? duration(job.duration) : null],
    ['Directory', job.directory],
    ['Array', job.array_id],
    ['Submitted', job.submit_time ? time(job.submit_time * 1000) : null],
    ['Exit code', job.exit_code === null ? null : String(job.exit_code)],
  ];
  const command: Fact[] = job.executable ? [['Command', html`<code>${commandOf(job)}</code>`]] : [];
  return [...command, ...facts.filter((fact): fact is [string, string] => Boolean(fact[1]))];
}

export function usedOf(job: Partial<PsijJobStatus>): Fact[] {
  const used = job.resources_used;
  if (!used) {
    return [];
  }
  const all: [string, string | false | undefined][] = [
    ['Elapsed', used.elapsed !== undefined && duration(used.elapsed)],
    ['CPU time', used.cpu_seconds !== undefined && duration(used.cpu_seconds)],
    ['Most memory', used.max_memory_mb !== undefined && `${used.max_memory_mb.toLocaleString()} MiB`],
    ['On', used.nodes !== undefined && plural(used.nodes, 'node')],
    ['CPUs', used.cpus !== undefined && String(used.cpus)],
    ['Node list', used.node_list],
  ];
  return all.filter((fact): fact is [string, string] => Boolean(fact[1]));
}

/** Return the Python that follows it. */
export function pythonOfJob(endpoint: string, plugin: string, id: string): string {
  return `${endpointPython(endpoint)}job = ${pluginPython(plugin)}.job(${pythonText(id)})\njob.tail()\n`;
}
