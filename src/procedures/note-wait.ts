/** Lays down what a hypervisor waits for, server by server, so that people can ask why. */
import type { Context, StepScope } from '../context.ts';
import { messageOf } from '../domain/failure.ts';
import type { Server } from '../domain/fleet.ts';
import { type Life, lifetimesOf } from '../domain/lifetimes.ts';
import type { Notice } from '../domain/owner-notices.ts';
import { describeWait } from '../domain/wait-report.ts';
import { LIVES } from './remember-lives.ts';

/** A server that is waited for. */
export interface InTheWay {
  readonly server: Server;
  readonly why: string;
  readonly notice?: Notice | undefined;
  /** What became of the question to its owner; left out where nobody is asked. */
  readonly asked?: string;
  readonly isOpen?: boolean;
}

export interface Term {
  readonly since: Date;
  readonly until: Date;
}

/** To be called in a look that has seen no end, and as a courtesy. */
export async function noteWait(
  ctx: Context<unknown>,
  scope: StepScope,
  { name, servers, ...term }: Term & { readonly name: string; readonly servers: readonly InTheWay[] },
): Promise<void> {
  const lives = Object.fromEntries(await scope.table(LIVES).all<Life>());
  const { disabled } = await ctx.cloud.service(name);
  const projects = await ctx.cloud.projectNames(servers.map(({ server }) => server.projectId));
  const untold = servers.filter(({ notice }) => notice === undefined).map(({ server }) => server);
  const owners = untold.length === 0 ? {} : await ctx.cloud.owners(untold);
  const rows = servers.map(({ server, why, notice, asked, isOpen = false }) => ({
    server,
    why,
    project: projects[server.projectId],
    owner: notice === undefined ? owners[server.id]?.email : (notice.email ?? undefined),
    told: notice?.email ? notice.at : undefined,
    kind: lifetimesOf(lives, server),
    asked,
    isOpen,
  }));
  const said = describeWait({ run: ctx.runId, servers: rows, disabled, ...term });
  ctx.note({ subject: `hypervisor ${name}`, verdict: 'waits', ...said });
}

/** What fails is said by the next look; a wait does not end for it. */
export async function asCourtesy(scope: StepScope, say: () => Promise<void>): Promise<void> {
  try {
    await say();
  } catch (error) {
    scope.signal.throwIfAborted();
    scope.log.warn('what it waits for is not noted', { why: messageOf(error) });
  }
}
