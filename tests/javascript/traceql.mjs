// What test_traceql.py asks of TraceQL's grammar: reads queries as JSON, prints for each where it goes wrong, or null.
import { text } from "node:stream/consumers";
import { parser } from "@grafana/lezer-traceql";

const mistake = (query) => {
  let found = null;
  parser.parse(query).iterate({ enter: (node) => void (found ??= node.type.isError ? node.from : null) });
  return found;
};

const queries = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(queries.map(mistake)));
