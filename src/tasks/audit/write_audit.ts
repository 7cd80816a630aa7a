import { AssayError } from "../../error.ts";
import { files } from "../../runtime/files.ts";
import { writeTextFile } from "../text_file.ts";
import type { AuditReport } from "./audit_report.ts";
import { auditPage } from "./page/audit_page.ts";

/** Names of the files that an audit writes into its folder. */
export const auditFileNames: RegExp = /^audit\.(json|html)$/;

/**
 * Writes `audit.json` and `audit.html`.
 *
 * @param folder Where; made where it is not there.
 * @param report What was found.
 * @throws {AssayError} `data/cannot-write`, `evaluation/cannot-plot`.
 */
export async function writeAudit(folder: string, report: AuditReport): Promise<void> {
  const text = auditJson(report);
  // From what was written, so that the page can't say anything else.
  const page = await auditPage(JSON.parse(text) as AuditReport);
  try {
    await files.mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new AssayError(
      "data/cannot-write",
      `Cannot write the audit: expected ${folder} to be a folder or a new one, found that it can't be made`,
      { cause },
    );
  }
  await writeTextFile(`${folder}/audit.json`, text);
  await writeTextFile(`${folder}/audit.html`, page);
}

/**
 * The text of `audit.json`: a line for each part of a model and of the comparison, not for each number.
 * No text in JSON holds a line end, so that those taken away are of the layout alone.
 */
export function auditJson(report: AuditReport): string {
  return `${JSON.stringify(report, null, 1).replaceAll(/\n(?: {4,}| {3}(?=[\]}]))/g, "")}\n`;
}
