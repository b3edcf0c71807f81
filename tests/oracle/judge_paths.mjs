// Judges what path_oracle allowed: read by a browser's URL parser or by RFC 3986, after 0, 1 or 2
// percent-decodings, no target may lie outside its prefix. Prints one JSON object with what was seen.
import readline from 'node:readline';

const ORIGIN = 'https://api.test';

// RFC 3986, 5.2.4, step by step.
function removeDotSegments(path) {
  let input = path, output = '';
  while (input !== '') {
    if (input.startsWith('../')) input = input.slice(3);
    else if (input.startsWith('./')) input = input.slice(2);
    else if (input.startsWith('/./')) input = input.slice(2);
    else if (input === '/.') input = '/';
    else if (input.startsWith('/../')) { input = input.slice(3); output = output.slice(0, Math.max(0, output.lastIndexOf('/'))); }
    else if (input === '/..') { input = '/'; output = output.slice(0, Math.max(0, output.lastIndexOf('/'))); }
    else if (input === '.' || input === '..') input = '';
    else {
      const next = input.indexOf('/', 1);
      output += next < 0 ? input : input.slice(0, next);
      input = next < 0 ? '' : input.slice(next);
    }
  }
  return output;
}

const READERS = {
  // What fetch, axios, undici and every browser make of it.
  whatwg(target) {
    const url = new URL(ORIGIN + target);
    return url.origin === ORIGIN && url.username === '' ? url.pathname : null;
  },
  rfc3986(target) {
    return removeDotSegments(/^[^?#]*/.exec(target)[0]);
  },
};

// As bytes, so that no invalid sequence hides one.
function percentDecode(text) {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
}

// A prefix that ends in a letter or digit ends at a segment.
function isInside(prefix, path) {
  if (path === null || !path.startsWith(prefix)) return false;
  return path.length === prefix.length || !/[A-Za-z0-9]$/.test(prefix) || path[prefix.length] === '/';
}

const seen = { judged: 0, summary: '', escapes: {}, examples: [] };
for (const reader of Object.keys(READERS)) for (const times of [0, 1, 2]) seen.escapes[`${reader} ${times}`] = 0;

function judge(prefix, target) {
  seen.judged += 1;
  const query = target.indexOf('?');
  let path = query < 0 ? target : target.slice(0, query);
  for (const times of [0, 1, 2]) {
    for (const [reader, read] of Object.entries(READERS)) {
      let found;
      try { found = read(path); } catch { found = null; }
      if (isInside(prefix, found)) continue;
      seen.escapes[`${reader} ${times}`] += 1;
      if (seen.examples.length < 10) seen.examples.push({ prefix, target, reader, times, found });
    }
    path = percentDecode(path);
  }
}

for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const tab = line.indexOf('\t');
  if (tab < 0) seen.summary = line; else judge(line.slice(0, tab), line.slice(tab + 1));
}
console.log(JSON.stringify(seen));
