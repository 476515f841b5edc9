// Chooses the kernel table for this CPU.
#pragma once
#include <string>
#include <vector>
#include "kernels/kernels.h"

namespace pollux {

// The tables this CPU can run, best first.
std::vector<const KernelTable*> supported_tables();

// The table in force: POLLUX_ISA if set, else the best. Null, with a message, if POLLUX_ISA names one
// that is unknown or that this CPU lacks.
const KernelTable* choose_table(std::string* error);

}  // namespace pollux
