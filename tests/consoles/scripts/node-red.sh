#!/usr/bin/env bash
# Node-RED, its editor behind a password.
. "$(dirname "$0")/lib.sh"
node_package node-red node-red@4
hash=$(cd "$NODE" && node -e 'console.log(require("bcryptjs").hashSync(process.argv[1], 4))' "$PASSWORD")
cat > settings.js <<JS
module.exports = {
  uiPort: $PORT, uiHost: "127.0.0.1", flowFile: "flows.json", telemetry: {enabled: false},
  httpNodeRoot: "/api",
  adminAuth: {type: "credentials", users: [
    {username: "$FIRST", password: "$hash", permissions: "*"},
    {username: "$SECOND", password: "$hash", permissions: "*"},
  ]},
};
JS
cat > flows.json <<'JSON'
[{"id": "t", "type": "tab", "label": "Flow"},
 {"id": "i", "type": "http in", "z": "t", "name": "", "url": "/hello", "method": "get", "x": 100, "y": 100,
  "wires": [["f"]]},
 {"id": "f", "type": "change", "z": "t", "x": 250, "y": 100, "wires": [["o"]],
  "rules": [{"t": "set", "p": "payload", "pt": "msg", "to": "hello program", "tot": "str"}]},
 {"id": "o", "type": "http response", "z": "t", "name": "", "x": 400, "y": 100, "wires": []}]
JSON
exec node "$NODE/node_modules/.bin/node-red" -u "$FOLDER" -s "$FOLDER/settings.js"
