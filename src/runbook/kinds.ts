/** Which kinds of steps are there? A new one is a file and a line here. */
import type { StepKind } from './kind.ts';
import { approval } from './step-approval.ts';
import { http } from './step-http.ts';
import { job } from './step-job.ts';
import { mail } from './step-mail.ts';
import { reboot } from './step-reboot.ts';
import { ssh } from './step-ssh.ts';
import { wait } from './step-wait.ts';

export const KINDS: Readonly<Record<string, StepKind>> = { ssh, http, wait, approval, mail, job, reboot };
