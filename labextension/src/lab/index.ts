/** JupyterLab's extension: small plugins, joined by the tokens of `tokens.ts`. */

import { code } from './code.js';
import { commands } from './commands.js';
import { drops } from './drops.js';
import { mime } from './mime.js';
import { orbit } from './orbit.js';
import { panel } from './panel.js';
import { status } from './status.js';
import { toasts } from './toasts.js';

export default [orbit, panel, status, toasts, commands, code, drops, mime];
