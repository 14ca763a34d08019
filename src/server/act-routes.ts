/** The routes by which people say what runs, and the installation, shall do. */
import type { z } from 'zod';
import type { Asker } from '../engine/acts.ts';
import { type App, askerOf, type Desk, OR_PROBLEM } from './desk.ts';
import { couldBeRun, findRun, noRun } from './find-run.ts';
import { Problem } from './problem.ts';
import {
  AnsweredShape,
  ApprovalBody,
  DecisionBody,
  ModeShape,
  Reason,
  RunParams,
  RunShape,
} from './shapes.ts';

/** One thing that can be said of a run: what it is called, and what is said with it. */
interface Saying<Body> {
  readonly name: string;
  readonly summary: string;
  readonly body: Body;
}

type Said = z.ZodType<Pick<Asker, 'why'>>;

export function addActRoutes(app: App, desk: Desk): void {
  const { engine, ask } = desk;

  /** Each answers with the run as it is then. */
  function ofRun<Body extends Said>(
    { name, summary, body }: Saying<Body>,
    act: (id: string, said: z.output<Body> & Asker) => Promise<unknown>,
  ): void {
    app.route({
      method: 'POST',
      url: `/api/v1/runs/:id/${name}`,
      schema: {
        operationId: `${name}Run`,
        summary,
        params: RunParams,
        body,
        response: { 200: RunShape, ...OR_PROBLEM },
      },
      handler: async (request) => {
        const { id } = await findRun(desk, request.params.id);
        const said = { ...(request.body as z.output<Body>), by: askerOf(request) };
        await ask(() => act(id, said));
        return findRun(desk, id);
      },
    });
  }

  ofRun(
    { name: 'cancel', summary: 'Ask a run to stop and put back what it holds', body: Reason },
    (id, asker) => engine.acts.cancel(id, asker),
  );
  ofRun(
    { name: 'kill', summary: 'End a run at once, leaving everything as it is', body: Reason },
    (id, asker) => engine.acts.kill(id, asker),
  );
  ofRun({ name: 'resume', summary: 'Take a run up where its journal ends', body: Reason }, (id, asker) =>
    engine.acts.resume(id, asker),
  );
  ofRun(
    { name: 'decide', summary: 'Say what became of a step whose outcome nobody saw', body: DecisionBody },
    (id, { value, ...decision }) =>
      engine.acts.decide(id, { ...decision, ...(value === undefined ? {} : { value }) }),
  );
  app.route({
    method: 'POST',
    url: '/api/v1/runs/:id/approve',
    schema: {
      operationId: 'approveRun',
      summary:
        'Answer a question of a run, also before it is asked or the run is there; the first answer holds',
      params: RunParams,
      body: ApprovalBody,
      response: { 200: AnsweredShape, ...OR_PROBLEM },
    },
    handler: async (request) => {
      const { id } = request.params;
      const [job = ''] = id.split('~');
      if (!couldBeRun(id) || !engine.jobs.has(job)) throw noRun(engine, id);
      const mine = { ...request.body, by: askerOf(request) };
      const held = await ask(() => engine.acts.approve(id, mine));
      if (held.answer === mine.answer) return held;
      const first = `${held.by} has answered ${held.answer} before (${held.why})`;
      throw new Problem('refused', `${first}, and the first answer holds`);
    },
  });

  for (const [name, mode, summary] of [
    ['freeze', 'freeze', 'Begin no new disruption; putting back goes on'],
    ['halt', 'halt', 'As freeze, and abort migrations under way'],
    ['thaw', '', 'End a freeze or a halt'],
  ] as const) {
    app.route({
      method: 'POST',
      url: `/api/v1/${name}`,
      schema: { operationId: name, summary, body: Reason, response: { 200: ModeShape, ...OR_PROBLEM } },
      handler: (request) =>
        ask(async () => {
          await engine.acts.setMode(mode, { by: askerOf(request), why: request.body.why });
          return engine.acts.mode();
        }),
    });
  }
}
