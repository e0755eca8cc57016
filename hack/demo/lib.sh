# shellcheck shell=bash
# What the scripts of the demo share: how a step is shown, and how it is checked. Source it; it runs nothing.

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
  bold='' dim='' red='' green='' plain=''
fi

step_number=0
step_name=start
# step TITLE begins a step; whatever fails from here on is this step's failure.
step() {
  step_number=$((step_number + 1))
  step_name="$step_number. $1"
  printf '\n%s== %s%s\n' "$bold" "$step_name" "$plain"
}

say() { printf '%s%s%s\n' "$dim" "$*" "$plain"; }

good() { printf '%s✓%s %s\n' "$green" "$plain" "$*"; }

# fail WHAT... ends the demo, and says in which step.
fail() {
  printf '\n%sFAILED in step %s%s\n  %s\n' "$red" "$step_name" "$plain" "$*" >&2
  exit 1
}

# show COMMAND... prints a command as a person would type it, and runs it.
show() {
  printf '%s$ %s%s\n' "$bold" "$(printable "$@")" "$plain"
  "$@"
}

# printable leaves out where the demo's programs lie, and quotes what a shell would want quoted.
printable() {
  local word text=''
  for word in "$@"; do
    case $word in
      "$kubectl") word=kubectl ;;
      "$plugin") word='kubectl sluice' ;;
      *[\ \"\'{}\[\]\$]*) word="'$word'" ;;
    esac
    text+="$word "
  done
  printf '%s' "${text% }"
}

# refused TEXT COMMAND... runs a command that the API server must refuse, with TEXT in its answer.
refused() {
  local text=$1 answer
  shift
  printf '%s$ %s%s\n' "$bold" "$(printable "$@")" "$plain"
  if answer=$("$@" 2>&1); then
    fail "this was let through, and should have been refused: $answer"
  fi
  printf '%s\n' "$answer"
  [[ $answer == *"$text"* ]] || fail "this was refused, but not with the words: $text"
  good refused
}

# await SECONDS WHAT COMMAND... looks until a command succeeds.
await() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "waited in vain until $what"
    sleep 0.3
  done
}
