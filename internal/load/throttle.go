package load

import (
	"bufio"
	"bytes"
	"io/fs"
	"strconv"
	"strings"
)

// Where the kernel says how long it kept the processes of this container from their CPU: control groups version 2, and 1.
var throttleFiles = []struct {
	path, key string
	divisor   int64
}{
	{"sys/fs/cgroup/cpu.stat", "throttled_usec", 1},
	{"sys/fs/cgroup/cpu/cpu.stat", "throttled_time", 1000},
	{"sys/fs/cgroup/cpu,cpuacct/cpu.stat", "throttled_time", 1000},
}

// throttled is that time in microseconds so far; -1 where the kernel does not say. The root of a version 2 hierarchy
// has no such line, as nothing limits it.
func throttled(root fs.FS) int64 {
	for _, file := range throttleFiles {
		text, err := fs.ReadFile(root, file.path)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			key, number, _ := strings.Cut(lines.Text(), " ")
			if value, err := strconv.ParseInt(number, 10, 64); key == file.key && err == nil {
				return value / file.divisor
			}
		}
	}
	return -1
}
