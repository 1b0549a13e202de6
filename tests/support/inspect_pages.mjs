// Opens pages in one offline Chromium and prints what it saw as JSON: text, requests, dialogs, console lines, and what
// axe-core objects to in both colour schemes. Started by tests/support/browser.py.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const { modules, chromium: program, pages, screenshots } = JSON.parse(process.argv[2]);
const require = createRequire(path.join(modules, "x.js"));
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
const results = {};
for (const page of pages) {
  const seen = { requests: [], dialogs: [], console: [], violations: {}, text: {} };
  for (const scheme of page.schemes) {
    const context = await browser.newContext({
      offline: true, colorScheme: scheme, javaScriptEnabled: page.scripts, bypassCSP: false,
      viewport: { width: 1280, height: 900 },
    });
    const tab = await context.newPage();
    tab.on("request", (one) => seen.requests.push(one.url()));
    tab.on("dialog", async (one) => { seen.dialogs.push(one.message()); await one.dismiss(); });
    tab.on("console", (one) => seen.console.push(one.text()));
    tab.on("pageerror", (one) => seen.console.push(String(one)));
    const session = page.heap ? await context.newCDPSession(tab) : null;
    if (session) await session.send("Performance.enable");
    const begin = performance.now();
    await tab.goto("file://" + page.path, { waitUntil: "load" });
    if (page.scripts) {
      const rows = await tab.locator("#rows").count() + await tab.locator("#fbody").count();
      if (rows) await tab.waitForSelector("html.js", { timeout: 60000 });
      seen.loaded_ms = performance.now() - begin;
      if (session) {
        // Processor time counts on a loaded machine; the time that passes does not.
        const { metrics } = await session.send("Performance.getMetrics");
        seen.processor_s = metrics.find((one) => one.name === "ProcessTime").value;
        await session.send("HeapProfiler.collectGarbage");
        seen.heap_bytes = (await session.send("Runtime.getHeapUsage")).usedSize;
      }
    }
    for (const step of page.steps ?? []) {
      if (step.fill) await tab.fill(step.fill[0], step.fill[1]);
      if (step.select) await tab.selectOption(step.select[0], step.select[1]);
      if (step.click) await tab.click(step.click);
      await tab.waitForTimeout(200);
    }
    seen.text[scheme] = await tab.evaluate(() => document.body.innerText);
    seen.rows = await tab.evaluate(() => [...document.querySelectorAll("#fbody > tr")].map((one) => one.innerText));
    if (page.scripts && page.axe) {
      await tab.evaluate(axe).catch(() => {});
      const found = await tab.evaluate(() => globalThis.axe.run(document));
      seen.violations[scheme] = found.violations.map((one) => one.id + ": " + one.nodes.slice(0, 3).map((n) => n.html + " " + n.any.map((a) => a.message).join(";")).join(" | "));
      seen.passes = found.passes.length;
    }
    if (screenshots) {
      const name = path.basename(page.path, ".html") + (page.scripts ? "" : "-plain") + "-" + scheme;
      await tab.screenshot({ path: path.join(screenshots, name + ".png"), fullPage: page.whole ?? true });
      if (page.pdf) await tab.pdf({ path: path.join(screenshots, name + ".pdf"), preferCSSPageSize: true, printBackground: true });
    }
    await context.close();
  }
  results[page.name] = seen;
}
await browser.close();
console.log(JSON.stringify(results));
