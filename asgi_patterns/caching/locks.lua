-- One lock: its holder, and behind it who waits, in the order in which they came. Each is an entry of 24 bytes: a
-- token, and the time at which it is dropped unless it is heard of before. Who is first has the lock once it asks.
--
-- KEYS[1]; ARGV: what to do, the token, seconds of a lease, seconds that one who waits is waited for, how many there
-- may be at most. The reply: how many are in front of it; -1 where it has no entry.

local verb, token, lease, patience, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local before = redis.call('GET', KEYS[1]) or ''

local line, place = {}, nil
for at = 1, #before - 23, 24 do
  local who, ends = struct.unpack('<c16d', before, at)
  if ends > now then
    line[#line + 1] = {who, ends}
    if who == token then place = #line end
  end
end

if verb == 'T' and not place and #line < most then
  place = #line + 1
  line[place] = {token}
end
if verb == 'T' and place then
  line[place][2] = now + (place == 1 and lease or patience)
elseif verb == 'N' and place then
  line[place][2] = now + lease
elseif verb == 'R' and place then
  table.remove(line, place)
  place = nil
end

local latest, packed = now, {}
for index, entry in ipairs(line) do
  latest = math.max(latest, entry[2])
  packed[index] = struct.pack('<c16d', entry[1], entry[2])
end
local after = table.concat(packed)
if after == '' then
  if before ~= '' then redis.call('DEL', KEYS[1]) end
elseif after ~= before then
  redis.call('SET', KEYS[1], after, 'PX', math.max(1, math.ceil((latest - now) * 1000)))
end
return place and place - 1 or -1
