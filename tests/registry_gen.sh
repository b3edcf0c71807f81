#!/bin/sh
# registry_gen as the build uses it. usage: registry_gen.sh PROGRAM SOURCE_DIR
set -eu
gen=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "registry_gen: $*" >&2; exit 1; }

# The same files give the same bytes, wherever they lie.
cp -r "$source/registry" "$work/registry"
"$gen" "$source/registry" --tables "$work/one.cc" --strict || fail "the shipped files do not compile"
(cd "$work" && "$gen" registry --tables two.cc --strict)
cmp "$work/one.cc" "$work/two.cc" || fail "two runs differ"

# Another file, another digest.
sed -i 's/"List the models and look one up"/"List models"/' "$work/registry/anthropic.json"
(cd "$work" && "$gen" registry --tables three.cc)
cmp -s "$work/one.cc" "$work/three.cc" && fail "a changed file changed nothing"

# Page and list of ids follow the files.
"$gen" "$source/registry" --verify "$source/docs/providers.md" || fail "run registry_gen --docs and --update-lock"
(cd "$work" && "$gen" registry --verify "$source/docs/providers.md" 2>/dev/null) && fail "an old page passed"

# What was released does not reach further without a word of why.
cp -r "$source/registry" "$work/wider"
sed -i 's|^anthropic/files destructive |anthropic/files write |' "$work/wider/meta/ids.lock"
(cd "$work" && "$gen" wider --tables wider.cc 2>errors) && fail "a higher class passed"
grep -Eq "^wider/anthropic\.json:[0-9]+:[0-9]+: error SET-3: 'anthropic/files' was released as write" "$work/errors" ||
  fail "no error for the higher class"

# Errors of every file in one run, with their places; nothing is written.
sed -i 's/"class": "read"/"class": "harmless"/' "$work/registry/linear.json"
sed -i 's/"category": "email",//' "$work/registry/resend.json"
status=0
(cd "$work" && "$gen" registry --tables four.cc 2>errors) || status=$?
[ $status -eq 1 ] || fail "broken files gave status $status"
[ ! -e "$work/four.cc" ] || fail "broken files were compiled"
grep -Eq '^registry/linear\.json:[0-9]+:[0-9]+: error FILE-3: ' "$work/errors" || fail "no error for linear.json"
grep -Eq '^registry/resend\.json:1:1: error FILE-3: ' "$work/errors" || fail "no error for resend.json"

# A lost id is found too.
rm "$work/registry/linear.json"
(cd "$work" && "$gen" registry --tables five.cc 2>errors) && fail "a lost provider was not noticed"
grep -q "SET-2: 'linear/graphql' was released" "$work/errors" || fail "no error for the lost ids"

# The template is a good file; a warning fails only where it must.
mkdir "$work/new"
cp "$source/registry/meta/template.json" "$work/new/acme.json"
"$gen" --check "$work/new/acme.json" > "$work/report" || fail "the template does not pass"
grep -q '^  aivault secrets create --name ACME_API_KEY$' "$work/report" || fail "the report lacks commands"
sed -i 's|"paths": \["/v1/tickets"\]|"paths": ["/v1/keys", "/v1/tickets"]|' "$work/new/acme.json"
"$gen" "$work/new" --tables "$work/six.cc" 2>/dev/null || fail "a warning failed"
"$gen" "$work/new" --tables "$work/seven.cc" --strict 2>/dev/null && fail "a warning passed --strict"

# A provider that claims what another one has is told so by --check.
cp "$work/new/acme.json" "$work/registry/acme.json"
sed -i 's/ACME_API_KEY/OPENAI_API_KEY/' "$work/registry/acme.json"
(cd "$work" && "$gen" --check registry/acme.json > /dev/null 2>errors) && fail "a taken name passed"
grep -q "SET-1: duplicate vault secret name 'OPENAI_API_KEY'" "$work/errors" || fail "no error for the taken name"
exit 0
