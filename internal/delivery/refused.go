package delivery

import "errors"

// ErrPinPropagating means that a workload was touched and an API server answered that does not know the pins yet.
var ErrPinPropagating = errors.New("the pin has not reached every API server yet")
