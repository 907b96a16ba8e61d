#include "program.hpp"

int main(int argc, char** argv) { return whisperstore::cli::run_program(argc, argv); }
