// Reads samples, one JSON object a line, and signs each again with two other libraries.
import { createInterface } from "node:readline";
import aws4 from "aws4";
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";

const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "example/secret+key" };
const region = "eu-central-1";

function byAws4(sample) {
  const query = sample.query.map(([name, value]) => `${name}=${value}`).join("&");
  const request = {
    service: sample.service,
    region,
    method: sample.method,
    host: sample.headers.host,
    path: sample.path + (query ? `?${query}` : ""),
    headers: { ...sample.headers },
    body: sample.body,
    extraHeadersToIgnore: { "content-length": true },
  };
  const own = { ...credentials };
  if (sample.token) own.sessionToken = sample.headers["x-amz-security-token"];
  return aws4.sign(request, own).headers.Authorization;
}

async function bySmithy(sample) {
  const s3 = sample.service === "s3";
  const own = { ...credentials };
  if (sample.token) own.sessionToken = sample.headers["x-amz-security-token"];
  const signer = new SignatureV4({
    service: sample.service, region, credentials: own, sha256: Sha256, uriEscapePath: !s3, applyChecksum: s3,
  });
  const query = {};
  for (const [name, value] of sample.query) {
    const key = decodeURIComponent(name);
    (query[key] ??= []).push(decodeURIComponent(value));
  }
  const signed = await signer.sign(
    {
      method: sample.method, protocol: "https:", hostname: sample.headers.host, path: sample.path, query,
      headers: { ...sample.headers }, body: sample.body,
    },
    { signingDate: new Date(sample.time) },
  );
  return signed.headers.authorization;
}

// For S3, aws4 signs only the first of several equal names and reads %2F in a path as a slash.
function judges(sample) {
  const names = sample.query.map(([name]) => name);
  const differs = new Set(names).size < names.length || sample.path.includes("%2F");
  return sample.service === "s3" && differs ? [["smithy", bySmithy]] : [["smithy", bySmithy], ["aws4", byAws4]];
}

const seen = { samples: 0, aws4: 0, smithy: 0, left_out: 0, examples: [] };
for await (const line of createInterface({ input: process.stdin })) {
  const sample = JSON.parse(line);
  seen.samples += 1;
  const asked = judges(sample);
  if (asked.length === 1) seen.left_out += 1;
  for (const [name, judge] of asked) {
    const theirs = await judge(sample);
    if (theirs === sample.authorization) seen[name] += 1;
    else if (seen.examples.length < 5) seen.examples.push({ name, theirs, sample });
  }
}
console.log(JSON.stringify(seen));
