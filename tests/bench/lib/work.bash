# work: what people do in a real image with a compiler and R: walk it, archive it, build a small project, start R.

layouts_work() {
  debian_image
  LAYOUTS+=("$DEBIAN")
}

bench_work() {
  local round variant measure image=inside/debian:1
  for variant in local served; do
    node "$variant"
    image_pull "$image"
    work_project "$T/user/work/project"
  done
  image_bytes work "$image"
  for ((round = 1; round <= WORK_ROUNDS; round++)); do
    for measure in find tar compile R; do
      for variant in $(shuffled "$round" local served); do
        say "work: $measure, $variant, round $round"
        node "$variant"
        work_job cold 2
        work_job "new mount" 1
      done
    done
  done
}

# work_job STATE RUNS
work_job() {
  local what
  case $measure in
    find) what=(find / -xdev) ;;
    tar) what=(sh -c 'tar --one-file-system -c / 2>/dev/null | cat >/dev/null') ;; # given /dev/null itself, tar reads no file
    compile) what=(make --silent --always-make --directory /run/work/project) ;;
    R) what=(Rscript --vanilla -e 'summary(lm(dist ~ speed, cars))') ;;
  esac
  [ "$1" != cold ] || ctl drop
  container_start "$image"
  [ "$1" != cold ] || ctl drop
  job work "$measure" "$round" "$1" command "$2" "${what[@]}"
  container_end
}

# work_project DIR: ten C files that include what C files include.
work_project() {
  local i
  mkdir -m 777 "$1"
  for i in {1..10}; do
    printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <math.h>\n#include <pthread.h>\n#include <sys/socket.h>\n
double part_%d(double x) { char s[32]; snprintf(s, sizeof s, "%%f", sin(x) + %d); return atof(s); }\n' "$i" "$i" >"$1/part_$i.c"
  done
  printf 'double part_1(double);\nint main(void) { return part_1(0) != 1; }\n' >"$1/main.c"
  # shellcheck disable=SC2016 # make's
  printf 'CFLAGS = -O2\nLDLIBS = -lm\nprogram: $(patsubst %%.c,%%.o,$(wildcard *.c))\n\t$(CC) -o $@ $^ $(LDLIBS)\n' >"$1/Makefile"
}

# image_bytes PART IMAGE: of its layers' files, to hold what is read against.
image_bytes() {
  local lower
  VARIANT=local record "$1" "bytes of the image" B "$(lowers "$2" | while read -r lower; do
    jq '.[0]."diff-size"' "$(dirname "$lower")/.metadata/layers.json"
  done | jq -s add)"
}
