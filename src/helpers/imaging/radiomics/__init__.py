"""Radiomics features of lesions by PyRadiomics 3.0.1, filters run once a scan and shared by all its masks."""
