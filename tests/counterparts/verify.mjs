// verify.mjs ALGORITHM TOKEN PUBLIC_KEY_FILE: prints header and claims of a token that verifies.
import { readFileSync } from "node:fs";
import { importSPKI, jwtVerify } from "jose";

const [algorithm, token, file] = process.argv.slice(2);
const key = await importSPKI(readFileSync(file, "utf8"), algorithm);
const { protectedHeader, payload } = await jwtVerify(token, key, { algorithms: [algorithm] });
console.log(JSON.stringify([protectedHeader, payload]));
